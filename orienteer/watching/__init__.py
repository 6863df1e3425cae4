"""The command watch: a page that shows what a run learns while it trains, from the files that it writes."""
