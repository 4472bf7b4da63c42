# SPDX-License-Identifier: MIT
# Draws what the benchmark measured beside its targets:
#   bench --columns performance.tsv
#   gnuplot -e "input='performance.tsv'; output='performance.svg'" plot.gp
if (!exists("input")) input = "performance.tsv"
if (!exists("output")) output = "performance.svg"

set datafile separator "\t"
# name, measure, value, target, value as text, target as text, met; the first line is a head
stats input using ($3 / $4) skip 1 nooutput
count = int(STATS_records)
least = STATS_min
most = STATS_max

set terminal svg size 1180, 140 + 30 * count font "Helvetica,13" background rgb "white"
set output output
set encoding utf8

set tmargin 5
set label 2 "SafeFFI against the bare means of the system" at screen 0.5, screen 1 \
	center offset 0, -1.4 font ",18"
set label 3 "figure (at most)" at graph 1.01, graph 1 left offset 0, 0.6 font ",12"
set xlabel "measured figure as a part of its target, logarithmic: shorter is better"
set logscale x
low = least < 0.1 ? least / 1.5 : 0.07
high = (most > 1 ? most : 1) * 1.6
set xrange [low:high]
set xtics ("1 %%" 0.01, "2 %%" 0.02, "5 %%" 0.05, "10 %%" 0.1, "20 %%" 0.2, "50 %%" 0.5, \
	"100 %%" 1, "200 %%" 2, "500 %%" 5, "1000 %%" 10, "10000 %%" 100)
set yrange [count - 0.4:-0.6]
set lmargin at screen 0.46
set rmargin at screen 0.84
set grid xtics linetype 1 linecolor rgb "#e0e0e0"
set border 3
set tics nomirror
set ytics scale 0 font ",12" noenhanced
set style fill solid 1.0 noborder
set key off

set arrow 1 from 1, graph 0 to 1, graph 1 nohead linewidth 2 linecolor rgb "#404040" front
set label 1 "target" at 1, graph 1.0 center offset 0, 0.6 font ",12"

met = "0x4c9a6a"
missed = "0xc8553d"
colour(is_met) = is_met > 0 ? int(met) : int(missed)

plot input using (low):($0):(low):($3 / $4):($0 - 0.34):($0 + 0.34):(colour($7)):ytic(2) skip 1 \
		with boxxyerror linecolor rgb variable, \
	"" using (high):($0):(sprintf(" %s (%s)", strcol(5), strcol(6))) skip 1 \
		with labels left font ",12" noenhanced
