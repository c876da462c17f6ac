"""How the status page looks: on light and dark screens, and on paper. The system's own fonts."""

STYLE = """
:root{--bg:#f4f6f8;--card:#fff;--ink:#1a1f26;--soft:#5b6673;--rule:#dfe4ea;--busy:#1f6fb8;--none:#d3dfeb;
--room:#e69f00;--bad:#c62828;--good:#0a7d55;--hover:#f3f7fb;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#171c23;--ink:#e6e9ed;--soft:#a9b4bf;
--rule:#2b333d;--busy:#7db9f0;--none:#3a4653;--bad:#ff8a80;--good:#57cc99;--hover:#1d242d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,Helvetica,Arial,sans-serif}
main{max-width:1800px;margin:0 auto;padding:24px 20px 32px;display:grid;gap:16px;grid-template-columns:minmax(0,1fr)}
h1{margin:0;font-size:26px;line-height:1.25;overflow-wrap:anywhere}
h2{margin:0 0 8px;font-size:17px}
p{margin:0}
header p{margin-top:4px}
.soft{color:var(--soft)}
.state{display:inline-block;vertical-align:middle;padding:1px 11px;border:1.5px solid;border-radius:99px;
font-size:14px;font-weight:600}
.ok{color:var(--good)}.bad,.error{color:var(--bad)}.running{color:var(--busy)}
.verdict{padding:12px 16px;border-left:4px solid var(--room);border-radius:6px;background:var(--card);font-size:16px;
overflow-wrap:anywhere}
.badge{display:inline-block;padding:0 9px;border-radius:99px;background:#e69f00;color:#000;font-size:13px;
font-weight:700;margin-right:6px}
.tiles{display:flex;flex-wrap:wrap;gap:10px}
.tile{flex:1 1 110px;padding:10px 14px;border-radius:8px;background:var(--card);border:1px solid var(--rule)}
.tile b{display:block;font-size:20px;line-height:1.3;font-variant-numeric:tabular-nums;white-space:nowrap}
.tile span{color:var(--soft);font-size:13px}
.tile.bad b{color:var(--bad)}
.card{padding:16px;border:1px solid var(--rule);border-radius:8px;background:var(--card);overflow-x:auto}
.diagram div{margin:0 auto}.diagram svg{display:block;width:100%;height:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:6px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
th:first-child{text-align:left;padding-left:0}
thead th{color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:600;min-width:190px;max-width:320px;white-space:normal;overflow-wrap:anywhere}
tbody tr:hover{background:var(--hover)}
tbody small{display:block;color:var(--soft);font-weight:400;font-size:12px}
tr.limit th:first-child{box-shadow:inset 3px 0 var(--room);padding-left:8px}
tr.failed td:nth-child(4){color:var(--bad);font-weight:700}
.bar{display:flex;margin-left:auto;width:90px;height:9px;border-radius:3px;overflow:hidden;background:transparent;
outline:1px solid var(--rule)}
.bar i,.key i{height:9px}.key i{display:inline-block;width:14px;border-radius:2px;margin-left:8px}
i.b{background:var(--busy)}i.s{background:var(--none)}i.r{background:var(--room)}
.key{margin-top:10px;font-size:13px}
details,section>p{padding:6px 0;border-top:1px solid var(--rule);overflow-wrap:anywhere}
summary{cursor:pointer}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Consolas,monospace}
pre{margin:8px 0 4px;padding:12px;border-radius:6px;background:var(--bg);overflow-x:auto;white-space:pre}
ul{margin:0;padding-left:20px}
footer{font-size:13px}
@media print{@page{size:landscape;margin:12mm}
:root{--bg:#fff}
body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{padding:0;max-width:none;gap:10px}
.card{overflow:visible;break-inside:avoid;padding:10px}
.diagram div{min-width:0!important}
table{font-size:9px}tbody th{min-width:90px}th,td{padding:3px 4px}.bar{width:50px}
tbody small,.key,footer{font-size:8px}code,pre{font-size:9px}pre{white-space:pre-wrap}.tile b{font-size:15px}
.tile span{font-size:10px}}
"""
