"""The language of expressions and rules: parsed, checked, and evaluated over columns; bounded, without side effects."""
