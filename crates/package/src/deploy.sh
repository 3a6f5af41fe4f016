#!/bin/bash -p
exit 1
