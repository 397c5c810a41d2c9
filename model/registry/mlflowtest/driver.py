"""Runs an MLflow server, and MLflow's own client, for tests.

One JSON object a line on standard input, {"op": NAME, "args": {...}}; one a line on standard output, {"value": ...} or
{"error": TEXT}. When the input ends, because the tests have ended in whatever way, the server is killed.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request


class Driver:
    def __init__(self):
        self.server = None
        self.client = None

    def serve(self, folder, port):
        """Starts the server, and returns once it is healthy; the port may turn out to be taken."""
        log = open(os.path.join(folder, "server.log"), "ab")
        self.server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", "sqlite:///" + os.path.join(folder, "mlflow.db"),
             "--artifacts-destination", os.path.join(folder, "artifacts"), "--serve-artifacts"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        self.connect(f"http://127.0.0.1:{port}")  # importing takes as long as the server does
        until = time.monotonic() + 180
        while time.monotonic() < until:
            if self.server.poll() is not None:
                raise RuntimeError(f"the server ended with {self.server.returncode}; see {log.name}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    if answer.read() == b"OK":
                        return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server does not get healthy; see {log.name}")

    def connect(self, uri):
        import mlflow
        import mlflow.onnx

        self.mlflow = mlflow
        mlflow.set_tracking_uri(uri)
        self.client = mlflow.MlflowClient()

    def kill(self):
        if self.server:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.server = None

    def log_onnx(self, name, path):
        """Logs a model in the onnx flavour, which puts its weights into a file of their own, and registers it."""
        import onnx

        with self.mlflow.start_run():
            info = self.mlflow.onnx.log_model(onnx.load(path), name="model", registered_model_name=name,
                                              pip_requirements=["onnx"])
        return str(info.registered_model_version)

    def log_files(self, name, path, source, store, note, tags):
        """Logs a file, or a directory's files, as a run's artifacts, and registers them as a version."""
        experiment = "0"
        if store:
            known = self.client.get_experiment_by_name(store)
            experiment = known.experiment_id if known else self.client.create_experiment(store, artifact_location=store)
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        with self.mlflow.start_run(experiment_id=experiment) as run:
            if os.path.isdir(path):
                self.mlflow.log_artifacts(path, "files")
            else:
                self.mlflow.log_artifact(path, "files")
        where = {"artifacts": run.info.artifact_uri + "/files", "runs": f"runs:/{run.info.run_id}/files"}
        below = "" if os.path.isdir(path) else "/" + os.path.basename(path)
        place = where[source] + below if source in where else source.replace("RUN", run.info.run_id)
        version = self.client.create_model_version(name, place, run_id=run.info.run_id, description=note, tags=tags)
        return str(version.version)

    def alias(self, name, alias, version):
        self.client.set_registered_model_alias(name, alias, version)

    def remove_alias(self, name, alias):
        self.client.delete_registered_model_alias(name, alias)

    def stage(self, name, version, stage):
        self.client.transition_model_version_stage(name, version, stage)


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # MLflow prints
    driver = Driver()
    try:
        for line in sys.stdin:
            question = json.loads(line)
            try:
                answer = {"value": getattr(driver, question["op"])(**question["args"])}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        driver.kill()


main()
