"""What each kind of recipe holds: frozen plain data, cheap to import and to make.

A field is the YAML key; where its name ends in a unit (`length_bytes`), the YAML key has none and the value has it
(`length: 512KiB`). `validate` turns text into these; nothing here reads a file. `name` is the file's stem, never a key.
"""

from tinyflow.recipes.schema.backend import Backend
from tinyflow.recipes.schema.core import Core
from tinyflow.recipes.schema.feature import Case, Feature, Requirements, Settings
from tinyflow.recipes.schema.frontend import Frontend
from tinyflow.recipes.schema.model import Accuracy, Model, Samples
from tinyflow.recipes.schema.part import STRICT, Recipe
from tinyflow.recipes.schema.processor import Processor
from tinyflow.recipes.schema.runtime import Runtime
from tinyflow.recipes.schema.suite import Figures, Matrix, Published, Suite
from tinyflow.recipes.schema.target import Memory, Target
from tinyflow.recipes.schema.toolchain import Cpu, Toolchain
from tinyflow.recipes.schema.view import Against, Group, Pivot, Step

__all__ = [
    "STRICT",
    "Accuracy",
    "Against",
    "Backend",
    "Case",
    "Core",
    "Cpu",
    "Feature",
    "Figures",
    "Frontend",
    "Group",
    "Matrix",
    "Memory",
    "Model",
    "Pivot",
    "Processor",
    "Published",
    "Recipe",
    "Requirements",
    "Runtime",
    "Samples",
    "Settings",
    "Step",
    "Suite",
    "Target",
    "Toolchain",
]
