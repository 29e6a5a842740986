"""The only place with LLVM's vector types: small functions that work in the CPU's registers."""
