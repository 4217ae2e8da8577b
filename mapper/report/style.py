"""How the report looks: type, colours, print."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--ink:#1c2430;--soft:#667085;--line:#e4e7ec;--paper:#fff;--ground:#f6f7f9;--blue:#2563c9;
--good:#1a8a55;--bad:#c2413a;--warn:#a85b00}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Inter,Roboto,"Helvetica Neue",
Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:48px 24px 72px}
header{margin-bottom:28px}
.kicker{margin:0 0 6px;color:var(--soft);font-size:13px;letter-spacing:.02em}
h1{margin:0 0 8px;font-size:34px;line-height:1.15;font-weight:680;letter-spacing:-.02em}
.verdict{margin:0;font-size:18px;color:#344054;max-width:46em}
h2,summary{margin:0 0 14px;font-size:17px;font-weight:640;letter-spacing:-.005em}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;
padding:20px 24px 22px;margin:16px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(158px,1fr));gap:10px}
.tile{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.tile b{display:block;font-size:23px;line-height:1.25;font-weight:640;letter-spacing:-.015em;
overflow-wrap:anywhere}
.tile small{font-size:14px;font-weight:500;letter-spacing:0;white-space:nowrap}
.tile span{color:var(--soft);font-size:13px}
.tile.strong b{color:var(--blue)}
.tile.warn b{color:var(--warn)}
img{display:block;width:100%;height:auto;border-radius:6px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:12px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:7px 12px 7px 0;border-bottom:1px solid var(--line);text-align:right;
font-weight:400;vertical-align:middle}
thead th{color:var(--soft);font-size:12.5px}
tbody tr:last-child>*{border-bottom:0}
th:first-child{text-align:left;white-space:nowrap}
.loops :is(td,th):last-child{text-align:left;padding-left:24px}
.loops :is(td,th):nth-child(2){text-align:left}
.good td:last-child{color:var(--good)}
.bad td:last-child{color:var(--bad)}
.bar{width:36%}
.bar i{display:block;height:10px;border-radius:3px;background:var(--blue);min-width:2px}
.files td{width:10em}
.missing{margin:0;color:var(--soft);font-style:italic}
img+.missing{margin-top:10px}
ul{margin:0;padding-left:1.2em}
li+li{margin-top:4px}
.part{padding-left:1.4em}
.note{color:var(--soft);font-size:13px;margin:10px 0 0}
summary{cursor:pointer;margin:0}
pre{margin:14px 0 0;font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;
white-space:pre-wrap;overflow-wrap:anywhere}
@media(max-width:640px){main{padding:24px 12px}section{padding:16px}
.pictures{grid-template-columns:1fr}h1{font-size:27px}}
@media print{body{background:#fff;font-size:11pt}main{padding:0;max-width:none}
section,.tile{break-inside:avoid;border-radius:0}*{-webkit-print-color-adjust:exact;
print-color-adjust:exact}}
"""
