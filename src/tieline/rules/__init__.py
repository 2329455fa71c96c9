"""The language of expressions and rules: parsed, checked, and evaluated over columns; bounded, without side effects."""

from tieline.rules.errors import Mistake, RuleError
from tieline.rules.expression import Age, Expression, name_problem
from tieline.rules.program import Program
from tieline.rules.running import Running
from tieline.rules.scalars import Fault
from tieline.rules.types import Type
from tieline.rules.value import Value

__all__ = ["Age", "Expression", "Fault", "Mistake", "Program", "RuleError", "Running", "Type", "Value", "name_problem"]
