"""Ways for a finished file to reach somebody; each is a leaf found by the entry points `reportd.channels`."""

from reportd.deliver.channel import Channel, Enclosure, Receipt, Setup, load

__all__ = ["Channel", "Enclosure", "Receipt", "Setup", "load"]
