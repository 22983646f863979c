"""This package owns reports, gallery and dashboards."""
