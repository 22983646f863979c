"""This package owns what happens without anybody looking: schedule, alerts, messages."""
