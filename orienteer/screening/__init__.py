"""What files alone say is wrong in a collection: rules over values, slices and headers, copies, outliers, extents. No model."""
