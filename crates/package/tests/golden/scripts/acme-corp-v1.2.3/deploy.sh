#!/bin/bash
kubectl apply -f manifests/all.yaml
