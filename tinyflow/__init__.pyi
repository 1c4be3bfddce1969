from tinyflow.core.errors import CacheError as CacheError
from tinyflow.core.errors import DoesNotFit as DoesNotFit
from tinyflow.core.errors import ModelError as ModelError
from tinyflow.core.errors import RecipeError as RecipeError
from tinyflow.core.errors import RunError as RunError
from tinyflow.core.errors import Timeout as Timeout
from tinyflow.core.errors import TinyflowError as TinyflowError
from tinyflow.core.errors import ToolError as ToolError
from tinyflow.core.errors import UsageError as UsageError
from tinyflow.core.errors import ValidationError as ValidationError
from tinyflow.flow.api.answers import Accuracy as Accuracy
from tinyflow.flow.api.answers import Comparison as Comparison
from tinyflow.flow.api.answers import Profile as Profile
from tinyflow.flow.api.project import Project as Project
from tinyflow.flow.api.rows import Row as Row
from tinyflow.flow.api.rows import Rows as Rows
from tinyflow.flow.api.rows import Samples as Samples
from tinyflow.flow.publishing.query import results as results
from tinyflow.report.frame import Frame as Frame

__version__: str
