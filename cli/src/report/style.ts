/** Style of the report's page: follows the reader's light or dark setting, and the width of the screen. */
export const style = `
:root{color-scheme:light dark;--page:#fff;--ink:#1c1917;--soft:#57534e;--line:#e7e5e4;--raised:#fafaf9;--link:#1d4ed8;--bad:#b91c1c;--ok:#15803d}
@media (prefers-color-scheme:dark){:root{--page:#171513;--ink:#e7e5e4;--soft:#a8a29e;--line:#3a3633;--raised:#211e1c;--link:#93b4ff;--bad:#fca5a5;--ok:#86efac}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:96rem;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
h3{font-size:1rem;margin:1.4rem 0 .5rem}
a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1rem;margin-top:1rem}
.note,.notes,dt,figcaption,.legend{color:var(--soft)}
.notes{padding-left:1.2rem}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{padding:.35rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
tbody tr:last-child>*{border-bottom:0}
thead th:last-child{text-align:left}
thead th{background:var(--raised);font-weight:600}
th:first-child{text-align:left;position:sticky;left:0;background:var(--raised);font-weight:600;max-width:16rem;white-space:normal;min-width:9rem}
td.state{text-align:left;white-space:normal;min-width:19rem;max-width:28rem;overflow-wrap:anywhere}
.settings tbody th:first-child{min-width:20rem;max-width:34rem;font-weight:400}
.finished td.state{color:var(--ok)}
.failed td.state,.impossible td.state{color:var(--bad)}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr));gap:1rem}
figure{margin:0;padding:.6rem;border:1px solid var(--line);border-radius:6px;min-width:0}
figcaption{font-weight:600;margin-bottom:.2rem}
svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .9rem;margin:.4rem 0 0;padding:0;list-style:none;font-size:13px}
.legend span{display:inline-block;width:1.4rem;vertical-align:middle;margin-right:.35rem}
details{margin-top:.8rem}
.choices{margin-top:.3rem;color:var(--soft);font-size:13px}
.choices summary{margin-bottom:.3rem}
.choices dl{grid-template-columns:1fr;gap:.1rem;max-width:48rem}
.choices dt{font-weight:600}
.choices dd{margin-bottom:.3rem}
summary{cursor:pointer;margin-bottom:.6rem}
pre{overflow-x:auto;padding:.8rem;background:var(--raised);border:1px solid var(--line);border-radius:6px;font-size:13px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:0}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:40rem){body{font-size:14px}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}th,td{padding:.3rem .5rem}th:first-child{min-width:7rem;max-width:9rem}}
@media print{.scroll{overflow:visible}}
`;
