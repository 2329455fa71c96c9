"""What is told of a text that is wrong: the place, the problem, the remedy; all mistakes at once."""

from __future__ import annotations

import time

import pytest

from tieline.model import ConfigError
from tieline.rules import Expression, Program, RuleError, Type

NAMES = {"power": Type.REAL, "voltage": Type.REAL, "closed": Type.BOOL, "since": Type.TIME}


def told(text: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(RuleError) as caught:
        Expression.parse(text, NAMES)
    return [(one.line, one.column, one.problem, one.remedy) for one in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "column", "problem", "remedy"),
    [
        ("powr + 1", 1, "there is no powr", "did you mean power?"),
        ("POWER + 1", 1, "there is no POWER", "did you mean power?"),
        ("1 + xyz", 5, "there is no xyz", "there are closed, power, since, voltage"),
        ("SQRTT(2)", 1, "there is no function SQRTT", "did you mean SQRT?"),
        ("SQRT + 2", 1, "SQRT is a function", "write SQRT(x)"),
        ("closed AND 3", 12, "AND joins BOOL, not REAL", "compare the number, for example x <> 0"),
        ("since OR closed", 1, "OR joins BOOL, not TIME", "compare the duration, for example x > T#5s"),
        ("NOT power", 5, "what NOT negates is BOOL, not REAL", "compare the number, for example x <> 0"),
        ("power + closed", 9, "`+` does not take REAL and BOOL", "SEL(x, 0, 1) makes a number of a BOOL"),
        ("closed + power", 1, "`+` does not take BOOL and REAL", "SEL(x, 0, 1) makes a number of a BOOL"),
        ("closed * closed", 10, "`*` does not take BOOL and BOOL", "SEL(x, 0, 1) makes a number of a BOOL"),
        ("since + 5", 9, "`+` does not take TIME and REAL", "write a duration as T#5s"),
        ("since * since", 9, "`*` does not take TIME and TIME", "x / T#1s makes a number"),
        ("closed + since", 1, "`+` does not take BOOL and TIME", "makes a TIME of a BOOL"),
        ("since MOD since", 11, "`MOD` does not take TIME and TIME", "x / T#1s makes a number"),
        ("2 / since", 5, "`/` does not take REAL and TIME", "x / T#1s makes a number"),
        ("since > 5", 9, "TIME cannot be compared with REAL", "write a duration as T#5s"),
        ("closed < closed", 10, "`<` does not compare BOOL", "use AND"),
        ("1 < power < 3", 13, "BOOL cannot be compared with REAL", "compare the number"),
        ("-closed", 1, "`-` takes a number, not BOOL", "the opposite of a BOOL is NOT"),
        ("-power ** 2", 1, "`-` before a power has two readings", "write -(a ** b) or (-a) ** b"),
        ("SQRT(closed)", 6, "SQRT does not take BOOL", "SEL(x, 0, 1)"),
        ("MAX(power, since)", 12, "MAX is given REAL and TIME", "x / T#1s"),
        ("SEL(power, 1, 2)", 5, "the condition of SEL is BOOL, not REAL", "compare the number"),
        ("SEL(closed, 1, TRUE)", 16, "SEL is given REAL and BOOL", "SEL(x, 0, 1)"),
        ("VALID_OR(closed, 0)", 18, "VALID_OR is given BOOL and REAL", "compare the number"),
        ("LIMIT(1, 2)", 1, "LIMIT has 2 arguments", "write LIMIT(low, in, high)"),
        ("SQRT()", 1, "SQRT has 0 arguments", "write SQRT(x)"),
        ("MIN(1)", 1, "MIN has 1 argument", "write MIN(x, y, ...)"),
        ("AGE(power)", 1, "AGE is not offered here", "programs"),
        ("power.q", 1, "power has no parts", "function block"),
        ("power == 1", 8, "`=` is not expected", "equal is ="),
        ("power := 1", 7, "`:=` is not expected", "equal is ="),
        ("power != 1", 7, "'!' has no meaning here", "not equal is <>"),
        ("power % 2", 7, "'%' has no meaning here", "MOD"),
        ("closed || closed", 8, "'||' has no meaning here", "OR"),
        ("power voltage", 7, "`voltage` is not expected", "an operator or the end is expected"),
        ("(power", 7, "the text ends", "`)` to close the parenthesis is expected"),
        ("power +", 8, "the text ends", "a value is expected"),
        ("", 1, "the text ends", "a value is expected"),
        ("power)", 6, "`)` is not expected", "an operator or the end"),
        (".5", 1, "`.` is not expected", "a number begins with a digit"),
        ("5s", 1, "`5s` is no number", "a duration is T#5s"),
        ("16#FF", 1, "`16#FF` is no number", "write for example"),
        ("1e999", 1, "`1e999` is too large", "1.8e308"),
        ("T#5", 1, "`T#5` is no duration", "write for example T#5s"),
        ("T#5s3m", 1, "`T#5s3m` is no duration", "the larger unit first"),
        ("T#1.5h3m", 1, "`T#1.5h3m` is no duration", "write for example"),
        ("1 (* one", 3, "the comment does not end", "*)"),
        ("IF + 1", 1, "`IF` is not expected", "a value is expected"),
        ("import os", 8, "`os` is not expected", "expected"),
    ],
)
def test_a_mistake_has_a_place_a_problem_and_a_remedy(text: str, column: int, problem: str, remedy: str) -> None:
    ((line, found_column, found_problem, found_remedy),) = told(text)
    assert (line, found_column, found_problem) == (1, column, problem)
    assert remedy in found_remedy


def test_all_mistakes_are_told_in_the_order_of_the_text() -> None:
    found = told("powr\n  + voltag * closed\n  + SQRTT(5 ä)")
    assert [(line, column) for line, column, _, _ in found] == [(3, 13)]
    found = told("powr\n  + SQRT(closed)\n  + SQRTT(voltag)")
    assert [(line, column) for line, column, _, _ in found] == [(1, 1), (2, 10), (3, 5), (3, 11)]


def test_the_error_is_one_of_configuration_and_speaks_for_its_first_mistake() -> None:
    with pytest.raises(
        ConfigError, match=r"line 1, column 1: there is no powr; did you mean power\?\nline 1, column 8: "
    ) as caught:
        Expression.parse("powr + voltag", NAMES)
    error = caught.value
    assert isinstance(error, RuleError)
    assert (error.line, error.column, error.problem, error.remedy) == (1, 1, "there is no powr", "did you mean power?")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 101 + "1" + ")" * 101,
        "-" * 5_000 + "1",
        "NOT " * 5_000 + "TRUE",
        "ABS(" * 5_000,
        "1 ** " + "(1 ** " * 300,
        "1 + (1 * " * 2_000,
    ],
)
def test_what_nests_too_deeply_is_refused(text: str) -> None:
    ((_, _, problem, _),) = told(text)
    assert problem == "this is nested deeper than 100 levels"


def test_what_is_too_long_is_refused() -> None:
    ((_, _, problem, _),) = told(" " * 65_537)
    assert problem == "the text has 65537 characters"
    ((_, _, problem, _),) = told("1+" * 10_000)
    assert problem == "there are more than 16384 words and signs"


def test_a_flood_of_mistakes_is_cut() -> None:
    assert len(told(" + ".join(f"x{number}" for number in range(500)))) == 50


INPUTS = {"u": Type.REAL, "closed": Type.BOOL}
OUTPUTS = {"trip": Type.BOOL, "level": Type.REAL}


def told_of_program(text: str) -> list[str]:
    with pytest.raises(RuleError) as caught:
        Program.parse(text, INPUTS, OUTPUTS)
    return [str(one) for one in caught.value.mistakes]


def test_what_follows_a_flood_of_mistakes_costs_nothing() -> None:
    known = {f"point_{number}": Type.REAL for number in range(500)}
    variables = "VAR " + " ".join(f"v{number} : REAL;" for number in range(1_000)) + " END_VAR "
    begun = time.process_time()
    for parse in (
        lambda: Expression.parse("+".join(["pont_x"] * 7_000), known),
        lambda: Program.parse(variables + "w1 := 1; " * 2_500, known, {}),
    ):
        with pytest.raises(RuleError) as caught:
            parse()
        assert len(caught.value.mistakes) == 50
    assert time.process_time() - begun < 15


def test_every_mistake_of_a_program_is_told_at_once() -> None:
    assert told_of_program(
        """VAR t1 : TNO; x : INT; m : REAL := TRUE; END_VAR
tripp := 3;
trip := 3 + ;
FOR i := 1 TO 3 DO x := 1; END_FOR
t1(IN = 3);
IF closed = 1 THEN trip := TRUE;
u := 3;
t2(IN := TRUE);
level := t1.Q"""
    ) == [
        "line 1, column 10: there is no type TNO; did you mean TON or TOF?",
        "line 1, column 19: there is no type INT; write REAL, which holds integers too",
        "line 1, column 36: the initial value of m is REAL, not BOOL; SEL(x, 0, 1) makes a number of a BOOL",
        "line 2, column 1: there is no tripp to assign to; did you mean trip?",
        "line 3, column 13: `;` is not expected; a value is expected",
        "line 4, column 1: there are no loops; a program runs once in each scan; keep state in VAR",
        "line 5, column 7: `=` is not expected; equal is =, not equal is <>, an assignment is :=",
        "line 6, column 1: the IF does not end; end it with END_IF;",
        "line 6, column 13: BOOL cannot be compared with REAL; compare the number, for example x <> 0",
        "line 7, column 1: u is an input and cannot be assigned; assign to an output or to a variable of VAR",
        "line 8, column 1: there is no function block t2",
        "line 9, column 14: the text ends; `;` at the end of the statement is expected",
    ]


WHOLE = "trip := closed; level := u;"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("trip := closed;", "the output level is never assigned; write level := ...;"),
        ("VAR t : TON; END_VAR level := u; trip := t;", "t is a TON and has no value of its own; write t.Q or t.ET"),
        ("VAR t : TON; END_VAR level := u; trip := t.X;", "a TON has no output X; write t.Q or t.ET"),
        ("VAR t : TON; END_VAR level := u; trip := t(closed);", "a function block is called in a statement of its own"),
        ("VAR t : TON; END_VAR level := u; trip := t.ET;", "what trip is given is BOOL, not TIME"),
        (f"VAR t : TON; END_VAR {WHOLE} t := 3;", "t is a TON and cannot be assigned; write t(IN := ..., PT := ...);"),
        (f"VAR t : TON; END_VAR {WHOLE} t(INN := closed);", "t has no input INN; did you mean IN?"),
        (f"VAR t : TON; END_VAR {WHOLE} t(IN := closed, in := closed);", "in is given twice; remove one"),
        (f"VAR t : TON; END_VAR {WHOLE} t(PT := 5);", "PT of t is TIME, not REAL; write a duration as T#5s"),
        (f"VAR t : TON; END_VAR {WHOLE} t(closed);", "`)` is not expected; `:=` behind closed is expected"),
        (f"VAR t : TON; END_VAR {WHOLE} t(Q => trip);", "=> is not known; read t.Q after the call"),
        (f"VAR t : TON := 3; END_VAR {WHOLE}", "a TON has no initial value; remove it"),
        (f"{WHOLE} TON(IN := closed);", "there is no function block TON; declare one: VAR t1 : TON; END_VAR"),
        (f"{WHOLE} SQRT(2);", "`2` is not expected"),
        (f"VAR c : CTUD; END_VAR {WHOLE}", "there is no type CTUD; use a CTU and a CTD"),
        (f"VAR u : REAL; END_VAR {WHOLE}", "u is an input or output already; take another name"),
        (f"VAR a, a : REAL; END_VAR {WHOLE}", "a is declared twice; take another name"),
        (f"VAR a : REAL := 1 / 0; END_VAR {WHOLE}", "the initial value of a is not defined; write a number"),
        (f"VAR a : REAL := u; END_VAR {WHOLE}", "there is no u"),
        (f"VAR mod : REAL; END_VAR {WHOLE}", "MOD is a word of the language and cannot be a name"),
        (f"VAR a REAL; END_VAR {WHOLE}", "`REAL` is not expected; `:` before the type is expected"),
        (f"VAR RETAIN a : REAL; END_VAR {WHOLE}", "VAR RETAIN is not known; write VAR: every variable is kept"),
        (f"{WHOLE} VAR a : REAL; END_VAR", "VAR comes behind a statement; declare all variables first"),
        ("VAR a : REAL;", "the VAR section does not end; end it with END_VAR"),
        (f"{WHOLE} END_IF;", "END_IF ends nothing here; remove it"),
        (f"{WHOLE} IF u THEN ; END_IF;", "a condition is BOOL, not REAL; compare the number"),
        (f"{WHOLE} IF closed ; END_IF;", "`;` is not expected; `THEN` behind the condition is expected"),
        (f"{WHOLE} IF closed THEN ; END_IF", "`;` is missing; write END_IF;"),
        (f"{WHOLE} trip = closed;", "= compares; an assignment is written :="),
        (f"{WHOLE} trip.x := closed;", "trip has no parts; write trip := ...;"),
        (f"{WHOLE} z := 1;", "there is no z to assign to"),
        (f"{WHOLE} WHILE closed DO trip := TRUE; END_WHILE;", "there are no loops"),
        (f"{WHOLE} CASE u OF 1: trip := TRUE; END_CASE;", "there is no CASE; write IF ... ELSIF ... END_IF;"),
        (f"{WHOLE} RETURN;", "RETURN begins no statement here"),
        (f"{WHOLE} AGE(u) := T#1s;", "expected"),
        ("level := u; trip := AGE(1) > T#1s;", "AGE takes an input; write AGE(name), with the name of an input"),
        (f"{WHOLE} 5;", "`5` is not expected; a statement is expected"),
    ],
)
def test_a_mistake_of_a_program_is_told_once(text: str, mistake: str) -> None:
    (found,) = told_of_program(text)
    assert mistake in found


def test_conditions_that_nest_too_deeply_are_refused() -> None:
    assert any("nested deeper" in one for one in told_of_program("IF closed THEN " * 1_000))
