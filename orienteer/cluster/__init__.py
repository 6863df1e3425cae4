"""Where jobs run: in processes of this machine, or on workers of Dask. Commands ask `make_executor` and do not know which."""
