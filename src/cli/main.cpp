// The program `skerry`.
#include "cli/cli.hpp"

int main(int argc, char** argv) { return skerry::cli::run(argc, argv); }
