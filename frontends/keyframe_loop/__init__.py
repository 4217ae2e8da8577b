"""A stream by a network of many views: new frames are shown to it beside active keyframes."""
