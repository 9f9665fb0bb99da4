"""The domain: indicators and backtests on market time series."""
