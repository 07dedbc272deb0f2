using System.Text.Json;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Search;

/// <summary>What each setting takes, who may say it, and what counts where nobody does.</summary>
public sealed class SettingTests
{
    private const string NonNegative = "a number of at least 0", Positive = "a number above 0", Natural = "a whole number of at least 0";

    [TestCase("vae", SearchSection.Energy, "0", NonNegative, "refinable", "vae")]
    [TestCase("beta", SearchSection.Energy, "0", NonNegative, null, "vae")]
    [TestCase("adversarial", SearchSection.Energy, "0", NonNegative, "refinable", "critic")]
    [TestCase("energy", SearchSection.Energy, "0", NonNegative, "refinable", "energy")]
    [TestCase("entropy", SearchSection.Energy, "0", NonNegative, "refinable", null)]
    [TestCase("smoothness", SearchSection.Energy, "1", NonNegative, "refinable", null)]
    [TestCase("orientation", SearchSection.Energy, "1", NonNegative, "refinable", null)]
    [TestCase("start", SearchSection.Optimiser, "auto", "one of identity, proposer, multi", null, null)]
    [TestCase("field", SearchSection.Optimiser, "siren", "one of siren, lattice", null, null)]
    [TestCase("lattice", SearchSection.Optimiser, "16", "a whole number from 2 to 65536, or 0 (one node a pixel)", "refinable", null)]
    [TestCase("passes", SearchSection.Optimiser, "1", "a whole number from 1 to 100", null, null)]
    [TestCase("average", SearchSection.Optimiser, "false", "true or false", null, null)]
    [TestCase("identityWeight", SearchSection.Optimiser, "0", NonNegative, null, null)]
    [TestCase("searchWeight", SearchSection.Optimiser, "1", Positive, null, null)]
    [TestCase("steps", SearchSection.Optimiser, "100", Natural, "refinable", null)]
    [TestCase("learningRate", SearchSection.Optimiser, "0.0038926", Positive, "refinable", null)]
    [TestCase("squarings", SearchSection.Optimiser, "7", "a whole number from 0 to 20", null, null)]
    [TestCase("tolerance", SearchSection.Optimiser, "0.0001", NonNegative, "refinable", null)]
    [TestCase("patience", SearchSection.Optimiser, "20", Natural, "refinable", null)]
    [TestCase("canonicalBelow", SearchSection.Acceptance, "none", "a finite number", null, null)]
    [TestCase("minimumDecrease", SearchSection.Acceptance, "0", NonNegative, null, null)]
    [TestCase("inverseResidual", SearchSection.Acceptance, "1", Positive, null, null)]
    [TestCase("accept", SearchSection.Caller, "checked", "one of checked, always", null, null)]
    [TestCase("basis", SearchSection.Caller, "cubicBSpline", "one of linear, cubicBSpline", null, null)]
    [TestCase("padding", SearchSection.Caller, "zeros", "one of zeros, border, reflection", null, null)]
    [TestCase("multiStart", SearchSection.Caller, "5 rotations x 3 scales, 2 refined",
        "rotations and scales, one of each at least, the scales above 0, and 1 refined at least", null, null)]
    [TestCase("timeBudget", SearchSection.Caller, "none", "a number of seconds of at least 0", null, null)]
    [TestCase("seed", SearchSection.Caller, "1", "a whole number from 0 on", null, null)]
    [TestCase("fields", SearchSection.Caller, "auto", "one of torch, onnx", null, null)]
    public void Setting_IsAsDocumented(
        string name, SearchSection section, string unsaid, string expected, string? refinable, string? neededBy)
    {
        var setting = Setting(name);
        Assert.That((setting.Section, setting.Text(setting.Default), setting.Expected), Is.EqualTo((section, unsaid, expected)));
        Assert.That((setting.IsRefinable, setting.NeededBy), Is.EqualTo((refinable is not null, neededBy)));
    }

    [Test]
    public void EverySetting_HasACaseAbove()
    {
        var cases = typeof(SettingTests).GetMethod(nameof(Setting_IsAsDocumented))!
            .GetCustomAttributes(typeof(TestCaseAttribute), false).Cast<TestCaseAttribute>().Select(one => one.Arguments[0]);
        Assert.That(SearchSpec.Settings.Select(setting => setting.Name), Is.EqualTo(cases));
    }

    [TestCase("smoothness", "0|0.5|3.4028234663852886E+38", "-0.001|3.5E+38|NaN")]
    [TestCase("learningRate", "0.001|1E-30|3.4028234663852886E+38", "0|-1|Infinity")]
    [TestCase("canonicalBelow", "-5|0", "Infinity|NaN|")]
    [TestCase("lattice", "0|2|65536", "1|65537|-1|2.5| 2")]
    [TestCase("passes", "1|100", "0|101|+ 1")]
    [TestCase("squarings", "0|20", "-1|21")]
    [TestCase("steps", "0|2147483647", "-1|2147483648")]
    [TestCase("seed", "0|18446744073709551615", "-1|+1| 1|1 |18446744073709551616")]
    [TestCase("timeBudget", "0|0.5|999999999", "-1|1000000000|soon")]
    [TestCase("average", "true|false", "yes|1")]
    [TestCase("start", "auto|identity|proposer|multi", "Identity|0|1|")]
    [TestCase("fields", "auto|torch|onnx", "Onnx|2")]
    public void Texts_AreTakenWithinTheRange(string name, string taken, string refused)
    {
        var setting = Setting(name);
        foreach (var text in taken.Split('|'))
        {
            Assert.That(setting.Parse(text), Is.Not.Null, text);
            Assert.That(setting.Text(setting.Parse(text)), Is.EqualTo(text), text);
        }

        foreach (var text in refused.Split('|')) Assert.That(setting.Parse(text), Is.Null, $"'{text}'");
    }

    [TestCase("smoothness", "0|0.5", "-1|\"1\"|null|1e39|1e999|true")]
    [TestCase("learningRate", "1e-3", "0|\"0.001\"")]
    [TestCase("canonicalBelow", "-1e300", "\"none\"")]
    [TestCase("steps", "7", "7.5|\"7\"|-1|3000000000")]
    [TestCase("seed", "18446744073709551615", "-1|1.5|\"1\"")]
    [TestCase("timeBudget", "0|2.5", "-1|-1e300|1e9|\"2\"")]
    [TestCase("average", "true|false", "0|\"true\"|null")]
    [TestCase("start", "\"identity\"|\"proposer\"|\"multi\"", "\"auto\"|\"Identity\"|1|null")]
    [TestCase("fields", "\"torch\"|\"onnx\"", "\"auto\"|2")]
    [TestCase("basis", "\"linear\"|\"cubicBSpline\"", "\"cubic\"|1")]
    [TestCase("multiStart", "", "{}|[]|\"3\"")]
    public void Json_IsTakenWithinTheRange(string name, string taken, string refused)
    {
        var setting = Setting(name);
        foreach (var text in taken.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            var value = setting.Read(Json(text));
            Assert.That(value, Is.Not.Null, text);
            Assert.That(setting.Read(Json(setting.Write(value!).ToJsonString())), Is.EqualTo(value), text);
        }

        foreach (var text in refused.Split('|')) Assert.That(setting.Read(Json(text)), Is.Null, text);
    }

    [Test]
    public void Zero_IsReadAsTheIdentity()
    {
        Assert.That(Setting("start").Parse("zero"), Is.EqualTo(StartPoint.Identity));
        Assert.That(Setting("start").Read(Json("\"zero\"")), Is.EqualTo(StartPoint.Identity));
        Assert.That(Setting("start").Words, Does.Not.Contain("zero"));
    }

    [Test]
    public void MultiStarts_NeedOneOfEachAndFiniteNumbers()
    {
        var (setting, usual) = (Setting("multiStart"), new MultiStartOptions());
        Assert.That(setting.Fits(usual));
        Assert.That(setting.Fits(usual with { Rotations = [0], Scales = [1], Refined = 1 }));
        Assert.That(setting.Fits(usual with { Rotations = [] }), Is.False);
        Assert.That(setting.Fits(usual with { Scales = [] }), Is.False);
        Assert.That(setting.Fits(usual with { Refined = 0 }), Is.False);
        Assert.That(setting.Fits(usual with { Scales = [1, 0] }), Is.False);
        Assert.That(setting.Fits(usual with { Scales = [1, double.PositiveInfinity] }), Is.False);
        Assert.That(setting.Fits(usual with { Rotations = [0, double.NaN] }), Is.False);
        Assert.That(setting.Fits("5"), Is.False, "of another type");
        Assert.That(setting.Write(usual with { Rotations = [0, 30] }).ToJsonString(),
            Is.EqualTo("{\"rotations\":[0,30],\"scales\":[1,1.15,0.87],\"refined\":2}"));
    }

    [Test]
    public void TimesAndChoices_OutOfRange_AreRefused()
    {
        Assert.That(Setting("timeBudget").Fits(TimeSpan.Zero));
        Assert.That(Setting("timeBudget").Fits(TimeSpan.FromTicks(-1)), Is.False);
        Assert.That(Setting("timeBudget").Write(TimeSpan.FromSeconds(2.5)).ToJsonString(), Is.EqualTo("2.5"));
        Assert.That(Setting("padding").Fits((WarpPadding)17), Is.False);
        Assert.That(Setting("padding").Write(WarpPadding.Border).ToJsonString(), Is.EqualTo("\"border\""));
    }

    [Test]
    public void Changes_AreToldByTheirWords()
    {
        var before = new SearchSpec { Adversarial = 600, Steps = 5, Refinement = new SearchSpec { Steps = 15 } };
        var after = new SearchSpec { Adversarial = 450, Steps = 5, TimeBudget = TimeSpan.FromSeconds(1.5) };
        Assert.That((after with { Refinement = new SearchSpec { Steps = 30 } }).ChangesFrom(before),
            Is.EqualTo("adversarial 600 -> 450, timeBudget none -> 1.5, refinement.steps 15 -> 30"));
        Assert.That(after.ChangesFrom(before),
            Is.EqualTo("adversarial 600 -> 450, timeBudget none -> 1.5, refinement.steps 15 -> none"));
        Assert.That(before.ChangesFrom(before), Is.Empty);
    }

    [Test]
    public void Json_HasWhatWasSaidAndAskedFor()
    {
        var spec = new SearchSpec { Vae = 0.5, Steps = 3, Padding = WarpPadding.Border, Average = true };
        Assert.That(spec.ToJson(_ => true).ToJsonString(), Is.EqualTo("{\"vae\":0.5,\"average\":true,\"steps\":3,\"padding\":\"border\"}"));
        Assert.That(spec.ToJson(setting => setting.Section == SearchSection.Optimiser).ToJsonString(),
            Is.EqualTo("{\"average\":true,\"steps\":3}"));
    }

    [Test]
    public void PublishedRecipe_IsThatOfThePaper() => Assert.That(
        PublishedSettings.Search.ToJson(_ => true).ToJsonString(), Is.EqualTo(
            "{\"vae\":0.01,\"beta\":0.0001,\"adversarial\":0.001,\"energy\":0,\"entropy\":0,\"smoothness\":1,"
            + "\"start\":\"identity\",\"field\":\"siren\",\"lattice\":0,\"passes\":1,\"average\":false,\"steps\":100,"
            + "\"learningRate\":0.0038926,\"squarings\":7,\"patience\":0,"
            + "\"accept\":\"always\",\"padding\":\"zeros\"}"));

    [TestCase(null, null, 0.5)]
    [TestCase(3.0, null, 0.0)]
    [TestCase(null, 0.25, 0.25)]
    [TestCase(null, 0.0, 0.0)]
    public void Bundle_ThatDoesNotSayWhenAMapHelps_AsksForHalf(double? canonicalBelow, double? minimumDecrease, double expected)
    {
        var bundle = new SearchSpec { CanonicalBelow = canonicalBelow };
        if (minimumDecrease is { } said) bundle = bundle with { MinimumDecrease = said };
        var subject = new SearchSubject("tiny", bundle, true, true);
        Assert.That(bundle.SaysWhenAMapHelps, Is.EqualTo(canonicalBelow is not null || minimumDecrease is not null));
        Assert.That(SearchPlan.Resolve(subject).FromIdentity.MinimumDecrease, Is.EqualTo(expected));
        Assert.That(SearchPlan.Resolve(subject, new SearchSpec { MinimumDecrease = 0.125 }).FromProposal.MinimumDecrease,
            Is.EqualTo(0.125), "the caller counts more");
        Assert.That(SearchPlan.Resolve(subject, preset: SearchPreset.Published).FromIdentity.MinimumDecrease, Is.Zero);
    }

    [Test]
    public void Plan_CountsStartsFromTheIdentity()
    {
        var starts = new MultiStartOptions { Rotations = [0, 10], Scales = [1, 2, 3] };
        var plan = SearchPlan.Resolve(
            new SearchSubject("tiny", new SearchSpec { MultiStart = starts, Passes = 4, Average = true }, true, true),
            new SearchSpec { Start = StartPoint.Multi });
        Assert.That((plan.StartsFromIdentity, plan.Passes, plan.Average, plan.MultiStart), Is.EqualTo((6, 4, true, starts)));
        Assert.That(plan.Usual, Is.SameAs(plan.FromIdentity));
        Assert.That(plan.Preset, Is.EqualTo(SearchPreset.Bundle));
        var decided = plan.WithFields(FieldEngine.Onnx);
        Assert.That((decided.FromIdentity.Fields, decided.FromProposal.Fields), Is.EqualTo((FieldEngine.Onnx, FieldEngine.Onnx)));
    }

    private static SearchSetting Setting(string name) => SearchSpec.Settings.Single(setting => setting.Name == name);

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
