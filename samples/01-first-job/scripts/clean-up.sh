#!/bin/sh
# A job of any language: the item is in the environment, the whole context is the last argument.
echo "cleaning up part $ELASTICJOB_SHARDING_ITEM of $ELASTICJOB_SHARDING_TOTAL_COUNT ($ELASTICJOB_SHARDING_PARAMETER)"
