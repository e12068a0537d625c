"""AsyncAPI: the topics of pipelines, what is in them and who sends it, as a document of AsyncAPI 3.0."""

from .document import Cluster, asyncapi_of
from .part import only

__all__ = ["Cluster", "asyncapi_of", "only"]
