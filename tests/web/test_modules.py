"""What a page's script needs is named in the page's head."""

from __future__ import annotations

from pathlib import Path

from tieline.web.modules import imported_by


def test_what_is_imported_through_others_is_found_whatever_way_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "page.js").write_text(
        'import {\n  a,\n  b,\n} from "./a.js";\nimport "./effect.js";\n// import x from "./not.js";\n'
    )
    (tmp_path / "a.js").write_text('export { words } from "./texts/words.js";\nimport { page } from "./page.js";\n')
    (tmp_path / "texts" / "words.js").write_text('import { one } from "../one.js";\nexport const words = "./no.js";\n')
    (tmp_path / "effect.js").write_text('/** @param {import("./types.js").A} a */\nexport const f = (a) => a;\n')
    (tmp_path / "one.js").write_text("export const one = 1;\n")
    assert imported_by(tmp_path, "page.js") == ("a.js", "effect.js", "one.js", "texts/words.js")
