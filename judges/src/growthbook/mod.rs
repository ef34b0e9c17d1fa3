//! Allocation of subjects to variants, bit for bit as GrowthBook's clients decide it.
