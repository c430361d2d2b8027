"""The MUSIQ model as pure functions: arrays in, arrays out, no storage and no Beam."""
