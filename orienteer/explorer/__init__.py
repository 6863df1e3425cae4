"""The explorer: a page in the browser on which a person points at places of a scan and sees a run's predictions."""
