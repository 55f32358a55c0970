"""Where lines come from. The union is the registry: a new source is one file and one name here."""

from headrig.sources.http import HttpSourceConfig
from headrig.sources.stdin import StdinConfig
from headrig.sources.tcp import TcpConfig
from headrig.sources.udp import UdpConfig
from headrig.sources.unix import UnixConfig

SourceConfig = TcpConfig | UnixConfig | UdpConfig | HttpSourceConfig | StdinConfig

__all__ = ["HttpSourceConfig", "SourceConfig", "StdinConfig", "TcpConfig", "UdpConfig", "UnixConfig"]
