"""Makes the source of configs/pipeline.yaml: a table `prices` of the packaged S&P 500.

    python docs/examples/source_database.py

RETRAIN_ETL_URL is any database that SQLAlchemy knows; without it, it is sqlite:///etl.db.
"""

from __future__ import annotations

import os

import sqlalchemy as sa

from training.config.sources import SampleSource
from training.data.sources import read_rows


def make(url: str) -> int:
    """Write the table anew; the number of its rows."""
    prices = read_rows(SampleSource(name="sp500")).frame
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        prices.to_sql("prices", connection, index=False, if_exists="replace")
    return len(prices)


if __name__ == "__main__":
    place = os.environ.get("RETRAIN_ETL_URL", "sqlite:///etl.db")
    print(make(place), "rows of the S&P 500 in the table prices")
