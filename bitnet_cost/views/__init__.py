"""Results out: one report, rendered as a table, JSON, CSV or Markdown. A view never looks anything up."""
