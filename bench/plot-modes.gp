# SPDX-License-Identifier: MIT
# Draws what one call costs in every mode:
#   bench --only mode- --figures modes.tsv
#   gnuplot -e "input='modes.tsv'; output='performance-modes.svg'" plot-modes.gp
if (!exists("input")) input = "modes.tsv"
if (!exists("output")) output = "performance-modes.svg"

set datafile separator "\t"
# name, measure, nanoseconds, the same as text; the first line is a head
stats input using 3 skip 1 nooutput
count = int(STATS_records)
low = 0.5
high = STATS_max * 20

set terminal svg size 860, 120 + 34 * count font "Helvetica,13" background rgb "white"
set output output
set encoding utf8

set title "int add(int, int) in every mode" font ",17"
set xlabel "time of one call, logarithmic: shorter is better"
set logscale x
set xrange [low:high]
set xtics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1e3, "10 us" 1e4, "100 us" 1e5, "1 ms" 1e6)
set yrange [count - 0.4:-0.6]
set lmargin at screen 0.22
set rmargin at screen 0.96
set grid xtics linetype 1 linecolor rgb "#e0e0e0"
set border 3
set tics nomirror
set ytics scale 0 font ",13" noenhanced
set style fill solid 1.0 noborder
set key off

# SafeFFI's modes, and what they stand beside.
mode = "0x4c9a6a"
bare = "0x9aa5b1"
colour(name) = name eq "mode-pointer" || name eq "mode-libffi" ? int(bare) : int(mode)

plot input using (low):($0):(low):($3):($0 - 0.34):($0 + 0.34):(colour(strcol(1))):ytic(2) skip 1 \
		with boxxyerror linecolor rgb variable, \
	"" using ($3):($0):(sprintf(" %s", strcol(4))) skip 1 with labels left font ",12" noenhanced
