"""Performance analysis in JupyterLab."""
