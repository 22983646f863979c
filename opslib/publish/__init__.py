"""This package owns publishing: reports, gallery, dashboards, the quality page."""
