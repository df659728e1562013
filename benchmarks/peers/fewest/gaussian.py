"""Gaussian processes over all candidates, with expected improvement.

sklearn: scikit-learn's GaussianProcessRegressor, a constant times Matern 5/2 of one length plus
white noise over the features, accuracies normalised; its own optimiser from the same start and
from three random ones. Expected improvement over all candidates that are not trained. botorch:
SingleTaskGP with its own priors (squared exponential, a length for each feature), its optimiser
with 100 steps for a fit, and LogEI. Both start from ten random candidates; hyperparameters are
fitted anew at each training up to 40, then at every fifth.

What makes them fast: between two fits the posterior is brought up to date by one row of the
Cholesky factor and of the solved cross-covariances; the libraries' own predictions would solve
anew at each step. The numbers are the same.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from .ledger import Ledger, drawn, orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .problems import Problem

    Floats = NDArray[np.float64]

ALWAYS, EVERY = 40, 5  # fitted anew at each training up to the first, then at every so many
RESTARTS = 3  # of scikit-learn's optimiser
STEPS = 100  # of BoTorch's optimiser: the likelihood is then within .03 of where it would end


class Fitted(NamedTuple):
    """Hyperparameters, of accuracies with mean 0 and variance 1."""

    kernel: str
    scale: float
    lengths: Floats
    noise: float
    mean: float


class Posterior:
    """Mean and variance at all candidates, brought up to date with each training."""

    def __init__(self, features: Floats, most: int) -> None:
        self.features = features
        self.factor = np.zeros((most, most))
        self.solved = np.zeros((most, len(features)))
        self.taken = np.zeros(len(features))  # variance that the trained ones explain
        self.count = 0

    def fit(self, fitted: Fitted, order: list[int]) -> None:
        """Start anew with other hyperparameters."""
        self.fitted = fitted
        self.x = self.features / fitted.lengths
        self.squares = np.square(self.x).sum(axis=1)
        n = self.count = len(order)
        cross = self._kernel(order)
        here = cross[:, order] + fitted.noise * np.eye(n)
        factor = np.linalg.cholesky(here + 1e-9 * np.eye(n))
        self.factor[:n, :n] = factor
        self.solved[:n] = solve_triangular(factor, cross, lower=True, check_finite=False)
        self.taken = np.einsum("ij,ij->j", self.solved[:n], self.solved[:n])

    def add(self, number: int) -> None:
        """Take in one training under the same hyperparameters."""
        n = self.count
        row = self._kernel([number])[0]
        along = self.solved[:n, number].copy()
        rest = row[number] + self.fitted.noise + 1e-9 - along @ along
        root = np.sqrt(max(rest, 1e-12))
        self.factor[n, :n], self.factor[n, n] = along, root
        self.solved[n] = (row - along @ self.solved[:n]) / root
        self.taken += np.square(self.solved[n])
        self.count = n + 1

    def at_all(self, y: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations at all candidates."""
        n, mean = self.count, self.fitted.mean
        z = solve_triangular(self.factor[:n, :n], y - mean, lower=True, check_finite=False)
        variance = np.maximum(self.fitted.scale - self.taken, 1e-12)
        return mean + z @ self.solved[:n], np.sqrt(variance)

    def _kernel(self, order: list[int]) -> Floats:
        part = self.x[order]
        far = self.squares[order][:, None] + self.squares - 2.0 * (part @ self.x.T)
        far = np.maximum(far, 0.0)
        if self.fitted.kernel == "rbf":
            return np.asarray(self.fitted.scale * np.exp(-0.5 * far))
        far = np.sqrt(5.0 * far)
        return np.asarray(self.fitted.scale * (1.0 + far + far * far / 3.0) * np.exp(-far))


def run(problem: Problem, seed: int, limit: int, kind: str) -> list[int]:
    """Return the candidates in the order of training."""
    return orders(partial(_search, kind=kind), problem, seed, limit)


def _search(ledger: Ledger, seed: int, kind: str) -> None:
    problem, rng = ledger.problem, np.random.default_rng(seed)
    ledger.train_all(drawn(problem, rng))
    posterior = Posterior(problem.features, ledger.limit)
    fit, improvement = KINDS[kind](seed)
    while True:
        order, y = ledger.order, ledger.accuracies
        spread = float(y.std(ddof=kind == "botorch")) or 1.0
        y = (y - y.mean()) / spread
        if len(order) <= ALWAYS or len(order) % EVERY == 0:
            posterior.fit(fit(problem.features[order], y), order)
        else:
            posterior.add(order[-1])
        ledger.train_next(improvement(*posterior.at_all(y), float(y.max())), rng)


def _sklearn(seed: int) -> tuple[Callable[..., Fitted], Callable[..., Floats]]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(1.0, (5e-2, 5e1), nu=2.5)
    kernel = kernel + WhiteKernel(1e-2, (1e-6, 1.0))

    def fit(x: Floats, y: Floats) -> Fitted:
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=RESTARTS, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        scale, length, noise = np.exp(model.kernel_.theta)
        return Fitted("matern", float(scale), np.array(length), float(noise), 0.0)

    def improvement(mean: Floats, spread: Floats, best: float) -> Floats:
        u = (mean - best) / spread
        return np.asarray(spread * (u * ndtr(u) + np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)))

    return fit, improvement


def _botorch(seed: int) -> tuple[Callable[..., Fitted], Callable[..., Floats]]:
    import torch
    from botorch.acquisition.analytic import _log_ei_helper
    from botorch.exceptions.warnings import BotorchWarning
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    torch.manual_seed(seed)

    def fit(x: Floats, y: Floats) -> Fitted:
        model = SingleTaskGP(torch.tensor(x), torch.tensor(y)[:, None], outcome_transform=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BotorchWarning)
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": STEPS}},
            )
        lengths = model.covar_module.lengthscale.detach().numpy()[0]
        noise, mean = model.likelihood.noise.item(), model.mean_module.constant.item()
        return Fitted("rbf", 1.0, lengths, float(noise), float(mean))

    def improvement(mean: Floats, spread: Floats, best: float) -> Floats:
        u = torch.tensor((mean - best) / spread)
        return np.asarray(_log_ei_helper(u).numpy() + np.log(spread))

    return fit, improvement


KINDS = {"sklearn": _sklearn, "botorch": _botorch}
