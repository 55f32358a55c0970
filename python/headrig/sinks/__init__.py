"""Where lines go. The union is the registry: a new sink is one file and one name here."""

from headrig.sinks.file import FileConfig
from headrig.sinks.forward import ForwardConfig
from headrig.sinks.http import HttpSinkConfig
from headrig.sinks.stdout import StdoutConfig

SinkConfig = FileConfig | StdoutConfig | HttpSinkConfig | ForwardConfig

__all__ = ["FileConfig", "ForwardConfig", "HttpSinkConfig", "SinkConfig", "StdoutConfig"]
