"""The parts of the console that span the apps: front page, menu, theme, and what ties their records together."""
