"""Depth maps of keyframes by plane sweep over their neighbours."""
