"""A network for an electrode, trained and scored

Four commands: frames of a run, labels by SCC-DFTB at two charges, one minute of training, and a score on
frames that the training has not seen. The bars are root mean square errors of the charges, on a logarithmic
scale. Grey are the null baselines, which know nothing of the liquid: the uniform charge, and each atom's own
mean. The response net is linear response and a small network on top of it, so that linear response stands
beside it.
"""

import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import yaml

SAMPLE = "polcouple sample case -o data.h5 --frames 60 --every 0.05 --skip 0.2 --backend response"
LABEL = "polcouple label data.h5 --backend dftb --total-charges -1 -2 --set accuracy=1e-8"
TRAIN = "polcouple train response data.h5 -o mine --learning-rate 3e-3 --max-minutes 1"
SCORE = "polcouple evaluate data.h5 --backend nn:model=./mine --backend response --labels dftb@-1 -o scores"
for command in ("polcouple cases graphene_nacl_small -o case", SAMPLE, LABEL, TRAIN, SCORE):
    subprocess.run(f"{command} > log", shell=True, check=True)
print(Path("scores/metrics.md").read_text())

scores = yaml.safe_load(Path("scores/metrics.yaml").read_text())["dftb@-1"]
errors = {name: 1e3 * score["rmse"] for name, score in scores.items() if "rmse" in score}
figure, axes = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
names = list(errors)[::-1]
colours = ["#0072B2" if name.startswith(("nn", "response")) else "0.6" for name in names]
bars = axes.barh(names, [errors[name] for name in names], color=colours)
axes.bar_label(bars, fmt="%.3g me", padding=4)
axes.set(xscale="log", xlim=(3e-3, 1e2), xlabel="root mean square error of a charge (me)")
figure.savefig("08_train_a_network.png", dpi=110)
