"""The look of the report: one style sheet for wide and narrow windows, light and dark, screen and paper."""

from __future__ import annotations

STYLE = r"""
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5a6675;--line:#d9dee5;--paper:#fff;--wash:#f5f7f9;
--s0:#7a8696;--s1:#0b63b6;--s2:#a4510a;--s3:#4b7d1f;--s4:#7b3fa0;--good:#1d6b3a;--bad:#a8281e;--mark:#fde9b8;
--warn:#7a3b00;--warnwash:#fff1dc}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#9aa7b6;--line:#343d49;--paper:#14191f;--wash:#1c232b;
--s0:#98a5b5;--s1:#6cb2f5;--s2:#f0a35e;--s3:#9ccb6b;--s4:#c79be6;--good:#7fce9b;--bad:#ff9a8f;--mark:#5c4a16;
--warn:#ffd29b;--warnwash:#3a2a12}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
.banner{margin:0;max-width:none;padding:.65rem 1.25rem;
background:var(--warnwash);color:var(--warn);font-weight:600;text-align:center}
.over{margin:0;color:var(--soft);font-size:.875rem}
h1{margin:.1rem 0 .6rem;font-size:1.9rem;line-height:1.2;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{margin:2.6rem 0 .8rem;font-size:1.2rem;line-height:1.3}
h3{margin:1rem 0 .3rem;font-size:.875rem;color:var(--soft);font-weight:600}
p{margin:.5rem 0;max-width:44rem}
.verdict{margin:0;padding:.9rem 1.1rem;border-left:4px solid var(--s1);background:var(--wash);font-size:1.125rem;
line-height:1.45;max-width:none}
.verdict.incomplete{border-color:var(--bad)}
.small,figcaption{color:var(--soft);font-size:.875rem;line-height:1.5}
.wide{overflow-x:auto;margin:.4rem 0 1rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}
th,td{padding:.42rem .7rem;text-align:right;vertical-align:top;border-bottom:1px solid var(--line)}
th:first-child{padding-left:0;text-align:left}
td:last-child,th:last-child{padding-right:0}
thead th{color:var(--soft);font-size:.8125rem;font-weight:600;border-bottom-color:var(--soft);vertical-align:bottom}
tbody th{font-weight:400}
.costs th,.costs td{text-align:left}.costs td:nth-child(4){white-space:nowrap}
.costs td:first-child{padding-left:0}.costs p{max-width:none;color:var(--soft);font-size:.875rem}
figure{margin:1.2rem 0}
figcaption{max-width:36rem;margin-top:.3rem}
.chart{display:block;width:100%;max-width:36rem;height:auto;font-family:inherit}
.chart .tick{font-size:12px;fill:var(--soft)}
.chart .axis{font-size:13px;fill:var(--ink)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .zero{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}
.chart .whisker{stroke:var(--s1);stroke-width:2.5;stroke-linecap:round}
.chart .effect{fill:var(--s1);stroke:var(--paper);stroke-width:1.5}
.s0{stroke:var(--s0);stroke-dasharray:6 3}.s1{stroke:var(--s1)}.s2{stroke:var(--s2);stroke-dasharray:2 3}
.s3{stroke:var(--s3);stroke-dasharray:9 3 2 3}.s4{stroke:var(--s4);stroke-dasharray:12 4}
.dot{stroke-dasharray:none;fill:var(--paper);stroke-width:1.5}
pre{margin:0;padding:.6rem .8rem;background:var(--wash);font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,
monospace;white-space:pre-wrap;overflow-wrap:anywhere}
mark{background:var(--mark);color:inherit}
del{color:var(--soft)}
.card{border-top:1px solid var(--line);padding:.5rem 0}
.card[open]{padding-bottom:1.4rem}
summary{cursor:pointer;overflow-wrap:anywhere}
.card>summary{display:flex;gap:.7rem;align-items:baseline}
.card>summary::before{content:"\25B8";color:var(--soft)}.card[open]>summary::before{content:"\25BE"}
.change{flex:0 0 3.8rem;white-space:nowrap;text-align:right;font-weight:600;font-variant-numeric:tabular-nums}
.worse{color:var(--bad)}.better{color:var(--good)}.same,.id{color:var(--soft)}
.id{flex:0 0 auto;min-width:2rem;font-size:.8125rem}
.context{margin:.5rem 0;font-size:.875rem;color:var(--soft)}
.arms{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:0 1.2rem}
.arms>div{min-width:0}
.failed{color:var(--bad)}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem .9rem;margin:.5rem 0;font-size:.875rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.reason{color:var(--soft)}
li{margin:.3rem 0}
@media (max-width:600px){main{padding:1.2rem .9rem 3rem}h1{font-size:1.5rem}.verdict{font-size:1rem}
.chart .tick{font-size:15px}.chart .axis{font-size:16px}
.tall thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.tall table,.tall tbody,.tall tr,.tall th{display:block}.tall tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
.tall tbody th{padding:0 0 .15rem;font-weight:600;border:0}
.tall td{display:flex;justify-content:space-between;gap:1rem;padding:.08rem 0;border:0;text-align:right}
.tall td::before{content:attr(data-label);color:var(--soft);text-align:left}.tall td:empty{display:none}
.costs table,.costs tbody{display:block}.costs tr{display:block;padding:.4rem 0;border-bottom:1px solid var(--line)}
.costs th,.costs td{display:inline;border:0;padding:0 .25rem 0 0}
.card>summary{gap:.45rem}.change{flex-basis:3.3rem}}
@media print{body{font-size:10.5pt}main{max-width:none;padding:0}.card,figure,table{break-inside:avoid}
h2{break-after:avoid}.banner,.verdict,pre,mark{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
