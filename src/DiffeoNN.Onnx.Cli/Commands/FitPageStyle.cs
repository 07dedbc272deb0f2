namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>How the page of a fit looks.</summary>
internal static class FitPageStyle
{
    /// <summary>The style sheet; without characters that XML takes for markup.</summary>
    public const string Text = """
        :root { color-scheme: light dark; --back: #ffffff; --raised: #f5f7f9; --ink: #1f2429; --quiet: #545d66; --line: #d5dbe1;
          --link: #0a5a9c; --good: #1a7f37; --good-back: #e4f6e9; --bad: #a8460a; --bad-back: #fdefe3; --unsure: #6b5300;
          --unsure-back: #fbf4d6; --m0: #6e7781; --m1: #d55e00; --m2: #0072b2; }
        @media (prefers-color-scheme: dark) { :root { --back: #14181c; --raised: #1d2329; --ink: #e4e8ec; --quiet: #a3adb7; --line: #39424b;
          --link: #6cb6ff; --good: #58c777; --good-back: #15301d; --bad: #f5a15c; --bad-back: #372313; --unsure: #e3c55a;
          --unsure-back: #332c12; --m0: #a3adb7; --m1: #f28c3c; --m2: #56b4e9; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 1.5rem 1.25rem 3rem; max-width: 78rem; background: var(--back); color: var(--ink);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: break-word; }
        h1 { margin: 0 0 .75rem; font-size: 1.9rem; line-height: 1.2; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.35rem; }
        h3 { margin: 1.5rem 0 .5rem; font-size: 1.05rem; } p { margin: .5rem 0; max-width: 62rem; }
        .kind { margin: 0; color: var(--quiet); font-size: .9rem; } .lead { color: var(--quiet); }
        .small { color: var(--quiet); font-size: .88rem; }
        .lines { white-space: pre-line; } .word { margin: 0; font-size: 1.4rem; font-weight: 700; }
        .verdict { margin: 0 0 1rem; padding: .9rem 1.1rem; border-left: .5rem solid; border-radius: .4rem; }
        .verdict ul { margin: .4rem 0 0; padding-left: 1.2rem; color: var(--ink); }
        .good { color: var(--good); border-color: var(--good); background: var(--good-back); }
        .bad { color: var(--bad); border-color: var(--bad); background: var(--bad-back); }
        .unsure { color: var(--unsure); border-color: var(--unsure); background: var(--unsure-back); }
        .note { padding: .5rem .8rem; border-left: .3rem solid var(--unsure); background: var(--unsure-back); }
        .scroll { overflow-x: auto; margin: .75rem 0; } .scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
        table { border-collapse: collapse; font-size: .93rem; } caption { padding-bottom: .4rem; text-align: left;
          font-weight: 600; }
        th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
        thead th { color: var(--quiet); font-weight: 600; } tbody th { font-weight: 600; }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-left: .8rem; }
        pre { overflow-x: auto; padding: .7rem .9rem; border-radius: .4rem; background: var(--raised); } code { font-size: .92em; }
        figure { margin: 0; } figcaption { margin-top: .3rem; color: var(--quiet); font-size: .85rem; line-height: 1.35; }
        figcaption strong { color: var(--ink); font-weight: 600; }
        .panel { margin: 1rem 0 1.5rem; }
        .tiles { display: grid; grid-template-columns: repeat(5, minmax(0, 14rem)); gap: .8rem; }
        .tiles img { display: block; width: 100%; height: auto; border-radius: .25rem; background: #000; }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1rem 1.5rem; }
        svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg.boxes { width: auto; max-width: none; }
        svg text { fill: var(--quiet); } svg path { fill: none; } .grid { stroke: var(--line); stroke-width: 1; }
        .line { stroke: var(--m2); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
        .part { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 3 3; }
        .m0 { color: var(--m0); } .m1 { color: var(--m1); } .m2 { color: var(--m2); }
        .box { fill: currentColor; fill-opacity: .25; stroke: currentColor; stroke-width: 1.5; }
        .edge { stroke: currentColor; stroke-width: 1.5; }
        .dot { fill: currentColor; fill-opacity: .55; } svg path.median { stroke: currentColor; stroke-width: 3; }
        svg path.mean { fill: var(--ink); }
        footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .88rem; }
        @media (max-width: 44rem) { .tiles { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); } h1 { font-size: 1.5rem; } }
        @media print { :root { color-scheme: light;
          --back: #fff; --raised: #f5f7f9; --ink: #000; --quiet: #444; --line: #bbb; --m0: #6e7781;
          --m1: #d55e00; --m2: #0072b2; --good: #1a7f37; --good-back: #fff; --bad: #a8460a; --bad-back: #fff; --unsure: #6b5300;
          --unsure-back: #fff; } body { padding: 0; max-width: none; font-size: 10pt; } .scroll { overflow: visible; }
          svg.boxes { width: 100%; } figure, tr, .panel, .verdict { break-inside: avoid; } h2, h3 { break-after: avoid; } }
        """;
}
