"""Areas under the curve and average precisions of scikit-learn, for crates/elbo/tests/rankings.rs.

    pip install scikit-learn==1.7.2
    python make_rankings.py

writes rankings.json beside this file. Scores are multiples of 1/4 or few-valued, so that they are exact in JSON and many are
equal.
"""

import json
import random
from pathlib import Path

from sklearn.metrics import average_precision_score, roc_auc_score

random.seed(20_240_517)
cases = []
for images, values, shift in [(2, 2, 0), (7, 3, 1), (20, 4, 0), (50, 1000, 100), (200, 5, 1), (500, 40, 3), (500, 1, 0), (300, 100_000, -20_000)]:
    anomalous = [True, False] + [random.random() < 0.3 for _ in range(images - 2)]
    scores = [(random.randrange(values) + shift * kind) / 4 - 10 for kind in anomalous]
    cases.append(
        {
            "scores": scores,
            "anomalous": anomalous,
            "auroc": float(roc_auc_score(anomalous, scores)),
            "average_precision": float(average_precision_score(anomalous, scores)),
        }
    )
path = Path(__file__).with_name("rankings.json")
path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
