from tinyflow.flow.publishing.query import results as results

__version__: str
