"""Where notices go. The union is the registry: a new notifier is one file and one name here."""

from headrig.notifiers.console import ConsoleConfig
from headrig.notifiers.slack import SlackConfig

NotifierConfig = ConsoleConfig | SlackConfig

__all__ = ["ConsoleConfig", "NotifierConfig", "SlackConfig"]
