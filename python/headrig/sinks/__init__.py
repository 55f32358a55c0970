"""Where lines go. The union is the registry: a new sink is one file and one name here."""

from headrig.sinks.file import FileConfig
from headrig.sinks.stdout import StdoutConfig

SinkConfig = FileConfig | StdoutConfig

__all__ = ["FileConfig", "SinkConfig", "StdoutConfig"]
