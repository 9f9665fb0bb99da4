"""One Prefect task per step of the chain: names, retries and results; no logic of their own."""
