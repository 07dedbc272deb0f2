using System.Reflection;
using System.Text.Json;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Search;

/// <summary>What a search is told: every property has its row, and what is not said is still open.</summary>
public sealed class SearchSpecTests
{
    /// <summary>A property without a row would be heard by nobody; a row of another name would be another word for it.</summary>
    [Test]
    public void Settings_AreTheProperties() => Assert.That(
        SearchSpec.Settings.Select(setting => setting.Name),
        Is.EqualTo(Properties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name))));

    [Test]
    public void EveryProperty_SaysItsOwnSetting()
    {
        foreach (var (property, setting) in Properties().Zip(SearchSpec.Settings))
        {
            var value = Other(property.GetValue(new SearchSpec()), property.PropertyType);
            var said = new SearchSpec();
            property.SetValue(said, value);

            Assert.That(SearchSpec.Settings.Where(said.Says), Is.EqualTo(new[] { setting }), property.Name);
            Assert.That(property.GetValue(said), Is.EqualTo(value), property.Name);
            Assert.That(said.Value(setting), Is.EqualTo(value), property.Name);
            Assert.That(said, Is.EqualTo(new SearchSpec().With(setting, value)), property.Name);
            Assert.That(said.With(setting, null), Is.EqualTo(new SearchSpec()), property.Name);
            Assert.That(property.GetValue(new SearchSpec()), Is.EqualTo(setting.Default), property.Name);
        }
    }

    [Test]
    public void EveryValue_ComesBackFromItsWords()
    {
        foreach (var (property, setting) in Properties().Zip(SearchSpec.Settings).Where(pair => pair.Second.Name != "multiStart"))
        {
            var value = Other(property.GetValue(new SearchSpec()), property.PropertyType);
            Assert.That(setting.Parse(setting.Text(value)), Is.EqualTo(value), setting.Name);
            foreach (var word in setting.Words) Assert.That(setting.Text(setting.Parse(word)), Is.EqualTo(word), setting.Name);
            Assert.That(setting.Parse("neither"), Is.Null, setting.Name);
            Assert.That(setting.Text(null), Is.EqualTo("none"));
        }
    }

    [Test]
    public void Over_AsksTheOtherWhereNothingIsSaid()
    {
        var first = new SearchSpec { Steps = 100, CanonicalBelow = 4 };
        var second = new SearchSpec { Steps = 3, Lattice = 5, Refinement = new SearchSpec { Steps = 1 } };
        Assert.That(first.Over(second), Is.EqualTo(new SearchSpec { Steps = 100, CanonicalBelow = 4, Lattice = 5 }),
            "a default that is said counts");
        Assert.That(first.Over(null), Is.EqualTo(first));
    }

    [Test]
    public void Auto_IsAsIfNothingWereSaid() => Assert.That(
        new SearchSpec { Start = StartPoint.Auto, Fields = FieldEngine.Auto, CanonicalBelow = null, TimeBudget = null },
        Is.EqualTo(new SearchSpec()));

    [Test]
    public void Equality_IsOfWhatIsSaid()
    {
        Assert.That(new SearchSpec { Steps = 100 }, Is.Not.EqualTo(new SearchSpec()), "another may still say otherwise");
        Assert.That(new SearchSpec { Steps = 100 }.Complete(), Is.EqualTo(new SearchSpec().Complete()));
        Assert.That(new SearchSpec { Steps = 1, Lattice = 2 }.GetHashCode(),
            Is.EqualTo(new SearchSpec { Lattice = 2, Steps = 1 }.GetHashCode()));
    }

    [Test]
    public void Text_HasTheWordsOfTheManifest() => Assert.That(
        new SearchSpec { LearningRate = 0.04, Field = FieldKind.Lattice, Start = StartPoint.Identity }
            .Text(setting => setting.Name is "start" or "field" or "average" or "learningRate" or "tolerance" or "canonicalBelow"),
        Is.EqualTo("start identity, field lattice, average false, learningRate 0.04, tolerance 0.0001, canonicalBelow none"));

    private static IEnumerable<PropertyInfo> Properties() => typeof(SearchSpec)
        .GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        .Where(property => property.SetMethod is not null && property.Name != nameof(SearchSpec.Refinement));

    /// <summary>A value that is not the default and within every range.</summary>
    private static object Other(object? value, Type type) => value switch
    {
        bool truth => !truth,
        int number => number + 2,
        ulong number => number + 2,
        double number => number + 0.25,
        Enum choice => Enum.GetValues(type).Cast<object>().First(other => !other.Equals(choice)),
        MultiStartOptions starts => starts with { Refined = 5 },
        null => Nullable.GetUnderlyingType(type) == typeof(TimeSpan) ? TimeSpan.FromSeconds(2.5) : 2.5,
        _ => throw new NotSupportedException($"{type}: say here which other value there is."),
    };
}
