"""opslib owns the methods behind the workbench's notebooks.

Rooms are imported by name (`from opslib import desk, inventory`); importing the
package itself stays cheap, so that the command line answers at once.
"""

__version__ = "0.1.0"
