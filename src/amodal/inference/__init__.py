"""Floor 3: networks used on pictures. No torch but in torch_networks.py, export.py and two detectors."""
