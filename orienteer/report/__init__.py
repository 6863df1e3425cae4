"""The command observe: report.html, errors per scan, and headers checked against the anatomy."""
