"""Files of places: 3D Slicer markups, CSV in mm, label maps. Inside, places are in the body frame (RAS), mm."""
