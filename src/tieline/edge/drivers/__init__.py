"""One module for each protocol: where its codec, the channels of `tieline.io` and the model meet."""
