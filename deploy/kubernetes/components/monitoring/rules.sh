#!/bin/sh
# Prints rules.yaml: the rules of deploy/prometheus as the Prometheus operator's object.
#
#   deploy/kubernetes/components/monitoring/rules.sh >deploy/kubernetes/components/monitoring/rules.yaml
set -eu
cd "$(dirname "$0")"
cat <<END
# Made by rules.sh of deploy/prometheus/rules; change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: foxhunt
spec:
  groups:
END
for file in ../../../prometheus/rules/*.yml; do
	sed -e '1,/^groups:$/d' -e 's/^./  &/' "$file"
done
