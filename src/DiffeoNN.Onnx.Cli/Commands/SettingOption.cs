using System.CommandLine;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>The option of a setting of the search: <c>--steps</c> of <c>steps</c>.</summary>
internal sealed class SettingOption : Option<string?>
{
    /// <summary>The option.</summary>
    /// <param name="setting">Has a text for it.</param>
    public SettingOption(SearchSetting setting)
        : base($"--{setting.Name}")
    {
        Setting = setting;
        Description = setting.Option;
        HelpName = setting.Words.Count > 0 ? string.Join('|', setting.Words) : setting.Name;
        CompletionSources.Add([.. setting.Words]);
        Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && setting.Parse(text) is null)
                result.AddError($"{Name} is '{text}'; expected "
                    + (setting.Words.Count > 0 ? $"one of {string.Join(", ", setting.Words)}." : $"{setting.Expected}."));
        });
    }

    /// <summary>What is set.</summary>
    public SearchSetting Setting { get; }

    /// <summary>One for each setting that has a text for it.</summary>
    public static SettingOption[] All() =>
        [.. SearchSpec.Settings.Where(setting => setting.Option is not null).Select(setting => new SettingOption(setting))];

    /// <summary>What was given put into options; as they are where nothing was.</summary>
    public T Apply<T>(ParseResult parse, T options)
        where T : SearchSpec => parse.GetValue(this) is { } text ? (T)options.With(Setting, Setting.Parse(text)) : options;
}
